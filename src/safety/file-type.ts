// How much care a file needs (safety.md, Types and risk): the worst of what its extension, its declared type and its first
// bytes say. The list of dangerous extensions follows Chromium's download_file_types: what it marks as dangerous is so
// here, what it allows on a click is never ordinary.

import { splitExtension } from './file-name.ts';
import { sniff, type Family, type Kind } from './signatures.ts';

export type Risk = 'ordinary' | 'caution' | 'dangerous';

const words = (text: string) => text.trim().split(/\s+/u);

/** Programs, scripts, installers, shortcuts, disk images, pages and drawings that run script, documents with macros. */
const DANGEROUS = new Set(
  words(`
  exe com scr pif cpl cpi msi msix msixbundle appx appxbundle appinstaller msp mst bat cmd ps1 ps1xml ps2 ps2xml psc1 psc2
  psm1 psd1 pssc cdxml vbs vbe vb vbscript js jse mjs ws wsc wsf wsh wsb hta htt reg rgs inf ins inx isp isu job jar war ear
  jnlp class lnk url scf shb shs website application appref-ms manifest local mof cfg ini
  desktop library-ms search-ms searchconnector-ms settingcontent-ms xrm-ms theme themepack deskthemepack diagcab gadget
  mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz ade adp accda accdb accde accdr chi chm hlp its ocx
  dll drv sys efi fon fxp grp mmc msc msh msh1 msh2 mshxml msh1xml msh2xml ops paf u3p prf prg pst sct ad asp aspx jsp
  shtm shtml sht html htm xhtml xht xhtm dhtml dhtm dht ehtml mht mhtml svg svgz xsl xslt swf spl xbap xnk
  xll xla xlm xlam xlsm xltm xlsb docm dotm pptm potm ppam ppsm sldm vsdm vssm vstm vsmacros oxt
  iqy slk one onepkg sh bash zsh csh ksh fish tcsh shar command tool workflow wflow action caction definition service app
  dmg dmgpart dc42 diskcopy42 dvdr imgpart ndif smi sparsebundle sparseimage udif pkg mpkg xip
  dart dex apk apks apkm aab xapk ipa mobileconfig mobileprovision configprofile internetconnect networkconnect
  crx xpi deb rpm pet pup slp run appimage flatpak flatpakref snap ko so dylib bundle
  py pyc pyd pyo pyw pyz pl rb php phtml lua tcl osx osas osax seplugin scpt scptd applescript
  iso img vhd vhdx vmdk udf cdr toast ova ovf nrg rdp ica vpn ovpn terminal fileloc inetloc ftploc afploc webloc
`),
);

/** Ordinary by name, each with the family its bytes are expected in. Everything on no list is caution. */
const ORDINARY: readonly (readonly [Family, string])[] = [
  ['text', 'txt text md csv tsv log json yaml yml toml conf srt vtt tex bib ics vcf'],
  ['media', 'jpg jpeg jfif png gif webp avif heic heif bmp tif tiff ico jxl raw cr2 nef arw dng psd'],
  ['media', 'mp3 m4a aac ogg oga opus flac wav aif aiff mid midi wma'],
  ['media', 'mp4 m4v mov mkv webm avi mpg mpeg ogv 3gp wmv'],
  ['document', 'pdf epub mobi azw3 djvu docx xlsx pptx odt ods odp pages numbers key'],
  ['font', 'ttf otf woff woff2'],
  ['model', 'stl obj gltf glb blend step'],
];

/** Caution by name, and yet the name says what the file is. */
const CAUTION: readonly (readonly [Family, string])[] = [
  ['archive', 'zip rar 7z tar gz tgz bz2 tbz2 xz txz zst lz4 cab wim cpio arj lzh ace'],
  ['document', 'doc dot xls xlt ppt pps pot rtf ps eps ai dotx potx ppsx xltx msg vsd vsdx'],
  ['text', 'xml xsd eml crt cer css c h cpp rs go java kt swift sql'],
  ['data', 'sqlite sqlite3'],
];

function byExtension(lists: readonly (readonly [Family, string])[]): [string, Family][] {
  return lists.flatMap(([family, extensions]) => words(extensions).map((one) => [one, family] as [string, Family]));
}

const ordinary = new Map(byExtension(ORDINARY));
const families = new Map([...ordinary, ...byExtension(CAUTION)]);

/** Declared types of what is dangerous by name; parts of such types, because every maker of them has a spelling. */
const DANGEROUS_TYPE =
  /^(?:application|text)\/(?:x-)?(?:msdownload|vnd\.microsoft\.portable-executable|dosexec|msdos-program|executable|elf|sharedlib|mach-binary|ms-installer|msi|ms-shortcut|mswinurl|apple-diskimage|iso9660-image|raw-disk-image|debian-package|vnd\.debian\.binary-package|rpm|redhat-package-manager|java-archive|java-jnlp-file|java-vm|vnd\.android\.package-archive|shockwave-flash|apple-aspen-config|desktop|chrome-extension|xpinstall|hta|vnd\.ms-htmlhelp|bat|batch|csh|sh|shellscript|perl|php|httpd-php|python|python-code|python-bytecode|ruby|lua|tcl|powershell|applescript|vbscript|html|xhtml\+xml|xslt\+xml|(?:java|ecma|live|j)script)$|^application\/vnd\.[a-z.-]+\.macroenabled\.(?:12|[a-z.]+)$|^image\/svg\+xml$|^multipart\/related$/u;
const CAUTION_TYPE =
  /^application\/(?:x-)?(?:zip|zip-compressed|rar|rar-compressed|vnd\.rar|7z-compressed|tar|gzip|bzip2?|xz|zstd|compress|vnd\.ms-cab-compressed|wasm|rtf|postscript|xml)$|^text\/(?:xml|rtf)$/u;

export const SEVERITY: Readonly<Record<Risk, number>> = { ordinary: 0, caution: 1, dangerous: 2 };

function worst(...risks: readonly Risk[]): Risk {
  return risks.reduce((a, b) => (SEVERITY[b] > SEVERITY[a] ? b : a));
}

const extensionOf = (name: string) => splitExtension(name).extension.slice(1).toLowerCase();

/** By the extension alone. Without one a file deserves caution: nothing says what it is. */
function riskOfExtension(extension: string): Risk {
  if (DANGEROUS.has(extension)) return 'dangerous';
  return ordinary.has(extension) ? 'ordinary' : 'caution';
}

/** A declared type only ever makes it worse: who declares it is who sends it, and most types say nothing. */
function riskOfType(type: string): Risk {
  const essence = type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (DANGEROUS_TYPE.test(essence)) return 'dangerous';
  return CAUTION_TYPE.test(essence) ? 'caution' : 'ordinary';
}

/** Verdict on a (sanitised) file name and the MIME type it was declared with, before any byte is here. */
export function riskOf(name: string, declaredType = ''): Risk {
  return worst(riskOfExtension(extensionOf(name)), riskOfType(declaredType));
}

/** Words for what is odd about a name and a declared type, or empty: what looks ordinary in front of what is dangerous. */
export function nameWarning(name: string, declaredType = ''): string {
  const { stem, extension } = splitExtension(name);
  const inner = splitExtension(stem).extension.trim().slice(1).toLowerCase();
  if (riskOf(name) === 'dangerous')
    return ordinary.has(inner) ? `Named like a .${inner}, but it is a ${extension} file.` : '';
  return riskOfType(declaredType) === 'dangerous' ? `Declared as ${declaredType}${named(extension)}.` : '';
}

const named = (extension: string) => (extension ? `, named ${extension}` : ', which its name does not say');

/** Whether a file of this name may hold text: of what is certainly something else nobody needs to look for words in it. */
export function mayHoldText(name: string): boolean {
  const family = families.get(extensionOf(name));
  return family === undefined || family === 'text';
}

/** A file as far as it is known once its first bytes are here. */
export interface Known {
  /** Sanitised, as it will be saved. */
  readonly name: string;
  /** MIME type its sender declared; may be empty. */
  readonly type: string;
  /** Its first `HEAD_BYTES`, or all of a shorter one. More does no harm. */
  readonly head: Uint8Array;
}

export interface Verdict {
  readonly risk: Risk;
  /** What a person has to read, or empty. */
  readonly warning: string;
  /** The bytes are worse than the name, or of another kind than it says: a yes given to the name was not given to this. */
  readonly lie: boolean;
}

/** The worst of name, declared type and first bytes. Never milder than `riskOf(name, type)`, and never throws. */
export function verdictOf({ name, type, head }: Known): Verdict {
  const extension = extensionOf(name);
  const seen = sniff(head);
  // What such a file honestly is inside adds nothing to it: a .docx is a ZIP archive.
  const found = seen?.fits.has(extension) ? undefined : seen;
  const risk = worst(riskOf(name, type), found?.risk ?? 'ordinary');
  const lie = found !== undefined && isLie(extension, found);
  if (!lie) return { risk, warning: nameWarning(name, type), lie };
  const looks = `Looks like ${found.says}${named(splitExtension(name).extension)}.`;
  return {
    risk: worst(risk, 'caution'),
    // Two sentences of one thing are one too many: only a name that is odd in itself adds to what the bytes say.
    warning: [looks, nameWarning(name)].filter(Boolean).join(' '),
    lie,
  };
}

/** Whether bytes belie an extension. One that says the worst already promises nothing that could be broken. */
function isLie(extension: string, found: Kind): boolean {
  const risk = riskOfExtension(extension);
  if (risk === 'dangerous') return false;
  if (SEVERITY[found.risk] > SEVERITY[risk]) return found.family !== families.get(extension);
  const family = families.get(extension);
  return family !== undefined && family !== found.family;
}
