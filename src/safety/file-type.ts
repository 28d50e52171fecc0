// How much care a file needs, by its name (safety.md, Types and risk). First cut: the extension alone; what the first
// bytes say joins it. The list of dangerous ones follows Chromium's download_file_types.

import { splitExtension } from './file-name.ts';

export type Risk = 'ordinary' | 'caution' | 'dangerous';

const words = (text: string) => new Set(text.trim().split(/\s+/u));

/** Programs, scripts, installers, shortcuts, disk images, pages and drawings that run script, documents with macros. */
const DANGEROUS = words(`
  exe com scr pif cpl msi msix msixbundle appx appxbundle msp mst bat cmd ps1 ps1xml ps2 ps2xml psc1 psc2 psm1 psd1 vbs vbe
  vb js jse mjs ws wsc wsf wsh hta reg inf ins isp job jar jnlp class lnk url scf shb shs website application appref-ms
  desktop library-ms search-ms searchconnector-ms settingcontent-ms theme themepack diagcab gadget mad maf mag mam maq
  mar mas mat mau mav maw mda mdb mde mdt mdw mdz ade adp accda accdb accde chm hlp its ocx dll drv sys efi fon
  grp mmc msc msh msh1 msh2 mshxml msh1xml msh2xml ops prf prg pst sct shtm shtml html htm xhtml xht xhtm mht mhtml
  svg svgz  xsl xslt swf spl xbap xll xlam xlsm xltm xlsb docm dotm pptm potm ppam ppsm sldm 
  iqy slk  one onepkg sh bash zsh csh ksh fish tcsh command tool workflow action app dmg pkg mpkg
  dart dex apk apks aab xapk ipa mobileconfig mobileprovision crx xpi deb rpm run  appimage flatpak flatpakref
  snap ko so dylib bundle py pyc pyo pyw pyz pl rb php phtml lua tcl osx scpt scptd applescript iso img vhd vhdx vmdk
  udf cdr toast ova ovf nrg rdp ica vpn ovpn  terminal fileloc inetloc webloc
`);

/** Ordinary by name: pictures, sound, video, text, plain office formats, fonts. Everything on no list is caution. */
const ORDINARY = words(`
  txt md csv tsv log json yaml yml toml ini conf srt vtt tex bib ics vcf
  jpg jpeg png gif webp avif heic heif bmp tif tiff ico jxl raw cr2 nef arw dng psd
  mp3 m4a aac ogg oga opus flac wav aif aiff mid midi wma
  mp4 m4v mov mkv webm avi mpg mpeg ogv 3gp wmv
  pdf epub mobi azw3 djvu docx xlsx pptx odt ods odp pages numbers key
  ttf otf woff woff2 stl obj gltf glb blend step
`);

/** Verdict on a (sanitised) file name. A file without an extension deserves caution: nothing says what it is. */
export function riskOf(name: string): Risk {
  const extension = splitExtension(name).extension.slice(1).toLowerCase();
  if (DANGEROUS.has(extension)) return 'dangerous';
  return ORDINARY.has(extension) ? 'ordinary' : 'caution';
}

/** Words for what is odd about a name, or empty: an ordinary-looking extension in front of a dangerous one. */
export function nameWarning(name: string): string {
  const { stem, extension } = splitExtension(name);
  const inner = splitExtension(stem).extension.trim().slice(1).toLowerCase();
  if (riskOf(name) === 'dangerous' && ORDINARY.has(inner))
    return `Named like a .${inner}, but it is a ${extension} file.`;
  return '';
}
