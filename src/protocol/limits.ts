// Every number the protocol promises or refuses, in one place. Units are in the names. docs/protocol.md says why each.

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

// Control messages.
export const MAX_CONTROL_BYTES = 64 * KiB;
/** What a person will see (knock, offer, withdraw), per second and at once. */
export const SHOWN_MESSAGES_PER_SECOND = 20;
export const SHOWN_MESSAGES_BURST = 100;

// Who may be in a room.
export const HANDSHAKE_MS = 10_000;
export const MAX_MEMBERS = 32;
export const MAX_NAME_CHARS = 64;
export const MAX_ROSTER_BYTES = 16 * KiB;
export const MAX_PENDING_KNOCKS = 3;
export const KNOCK_PAUSE_MS = 10_000;
export const MAX_UNAUTHENTICATED = 4;
export const DEFAULT_EXPIRY_SECONDS = 24 * 60 * 60;

// Offers.
export const MAX_FILES_PER_PEER = 10_000;
export const MAX_OFFERS_PER_PEER = 1_024;
export const MAX_FILES_PER_MESSAGE = 1_024;
export const MAX_PATH_CHARS = 4_096;
export const MAX_TYPE_CHARS = 255;
export const MAX_FILE_BYTES = 128 * GiB;
export const MAX_SNIPPET_BYTES = 64 * KiB;
/** Texts that one person may offer another within `SNIPPETS_MS`. */
export const MAX_SNIPPETS = 30;
export const SNIPPETS_MS = 60_000;

// Pieces and frames.
export const MIN_PIECE_BYTES = MiB;
export const MAX_PIECE_BYTES = 8 * MiB;
export const MAX_PIECES = 16_384;
export const FRAME_UNIT_BYTES = 16 * KiB;
export const MAX_FRAME_BYTES = 256 * KiB;
export const MAX_REQUESTS_OUTSTANDING = 4_096;
export const MAX_LANE_BUFFERED_BYTES = MiB;
/** Over twice the file and this, a receiver has asked for one file too often. */
export const ASKED_SLACK_BYTES = 64 * MiB;
/** Hashes in one `have`, pieces in one `differs`. */
export const MAX_HAVE_HASHES = 1_024;
/** A request may overtake its accept (they travel on different channels): so many may wait for it, for so long. */
export const MAX_EARLY_REQUESTS = 1_024;
export const EARLY_REQUEST_MS = 10_000;

// Lanes.
export const MAX_LANES_PER_LINK = 8;
export const MAX_LANES_PER_PAGE = 12;
/** All that a page has asked for and not yet staged. */
export const MAX_WINDOWS_BYTES = 32 * MiB;

// Signals.
export const MAX_SIGNAL_BODY_BYTES = 8 * KiB;
export const SIGNAL_PAD_BYTES = 256;
/** A sealed box with the longest body, and some room: 12 KiB of base64url. */
export const MAX_BOX_BYTES = 9 * KiB;
/** Boxes that members pass on to each other in a link, each way. */
export const RELAYED_PER_SECOND = 64;
export const MAX_CANDIDATES_PER_DIAL = 32;
export const MAX_CANDIDATE_BYTES = 256;
export const CANDIDATE_DELAY_MS = 50;
/**
 * A dial begun while the network is away asks its TURN server at 0, ¼, ¾, 1¾, 3¾, 7¾ and 15¾ s and no oftener: it is given
 * up before the long pause, so that the next one begins afresh.
 */
export const DIAL_MS = 12_000;
