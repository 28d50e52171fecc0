// One page per room and profile: a Web Lock by the room's id. The second page says so, and may take the room over.

export interface RoomLock {
  release(): void;
  /** Resolves when another page took the room over. */
  readonly stolen: Promise<void>;
}

/** Takes the room for this page; undefined when another page of this browser has it. `steal` takes it from that one. */
export function lockRoom(room: string, steal = false): Promise<RoomLock | undefined> {
  return new Promise((resolve) => {
    let release: () => void = () => undefined;
    let tellStolen: () => void = () => undefined;
    const stolen = new Promise<void>((told) => (tellStolen = told));
    const held = navigator.locks.request(`room/${room}`, steal ? { steal: true } : { ifAvailable: true }, (lock) => {
      if (!lock) {
        resolve(undefined);
        return undefined;
      }
      const until = new Promise<void>((free) => (release = free));
      resolve({ release: () => release(), stolen });
      return until;
    });
    held.catch(() => tellStolen());
  });
}
