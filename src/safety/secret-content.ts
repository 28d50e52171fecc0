// Secrets by what a text says (safety.md, What leaves): keys and tokens whose makers gave them a form of their own, so that
// they can be told from ordinary text. What has no form, a plain password in a sentence, is not found here. Pure; the
// patterns take time in proportion to the text.

import { holdsSeedPhrase } from './seed-phrase.ts';
import { secretByPath, type SecretKind } from './secrets.ts';

/** So much of a file is looked at, and only of files up to `MAX_LOOKED_FILE_BYTES`. */
export const LOOKED_BYTES = 64 * 1024;
export const MAX_LOOKED_FILE_BYTES = 1024 * 1024;

/** Tokens with a form. A group, where there is one, is the part that has to look like chance. */
const TOKENS: readonly (readonly [SecretKind, RegExp])[] = [
  // AWS, Google, Azure and other clouds.
  ['cloud-token', /\b(?:AKIA|ASIA|ABIA|ACCA)([A-Z2-7]{16})\b/g],
  ['cloud-token', /aws.{0,20}?(?:secret|session).{0,30}?[=:]\s*["']?([A-Za-z0-9/+]{40,})(?![A-Za-z0-9/+])/gi],
  ['cloud-token', /\bAIza([\w-]{35})(?![\w-])/g],
  ['cloud-token', /\bGOCSPX-([\w-]{28})(?![\w-])/g],
  ['cloud-token', /\bya29\.([\w-]{30,})/g],
  ['cloud-token', /\b(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{42,86}={1,2})/g],
  ['cloud-token', /(?<![\w~.-])(\w{3}[78]Q~[\w~.-]{31,34})(?![\w~.-])/g],
  ['cloud-token', /[?&]sv=\d{4}-\d\d-\d\d&[^\s"']{0,300}?sig=([A-Za-z0-9%/+]{40,}(?:%3D|=))/g],
  ['cloud-token', /\bdo[opr]_v1_([a-f0-9]{64})\b/g],
  ['cloud-token', /\bhv[sbr]\.([\w-]{24,})/g],
  ['cloud-token', /\.atlasv1\.([\w=-]{60,})/g],
  ['cloud-token', /\bLTAI([A-Za-z0-9]{17,21})\b/g],
  ['cloud-token', /\bdapi([a-f0-9]{32})\b/g],
  ['cloud-token', /\btskey-[a-z]+-([\w-]{20,})/g],
  ['cloud-token', /\bHRKU-([\w-]{36,})/g],
  ['cloud-token', /\bsbp_([a-f0-9]{40})\b/g],
  ['cloud-token', /\bdp\.(?:pt|st|ct|sa)\.([A-Za-z0-9._-]{40,})/g],
  // Code hosts and package registries.
  ['forge-token', /\bgh[opsur]_([A-Za-z0-9]{36,255})\b/g],
  ['forge-token', /\bgithub_pat_(\w{50,255})\b/g],
  ['forge-token', /\bgl(?:pat|dt|rt|cbt|ptt|soat|ft)-([\w-]{20,})/g],
  ['forge-token', /\bATBB([A-Za-z0-9]{28,})\b/g],
  ['forge-token', /\bATATT3([\w=-]{60,})/g],
  ['forge-token', /\bnpm_([A-Za-z0-9]{36})\b/g],
  ['forge-token', /_authToken\s*=\s*["']?([\w-]{20,})/g],
  ['forge-token', /\bpypi-(AgE[\w-]{50,})/g],
  ['forge-token', /\brubygems_([a-f0-9]{48})\b/g],
  ['forge-token', /\bcio([A-Za-z0-9]{32})\b/g],
  ['forge-token', /\bdckr_(?:pat|oat)_([\w-]{27,})/g],
  ['forge-token', /\boy2([a-z0-9]{43})\b/g],
  // Payment.
  ['payment-key', /\b[rs]k_(?:live|test|prod)_([A-Za-z0-9]{16,})\b/g],
  ['payment-key', /\bwhsec_([A-Za-z0-9+/=]{28,})/g],
  ['payment-key', /\bsq0(?:csp|atp)-([\w-]{22,43})(?![\w-])/g],
  ['payment-key', /\bEAAA([\w-]{60})(?![\w-])/g],
  ['payment-key', /\baccess_token\$(?:production|sandbox)\$[a-z0-9]{16}\$([a-f0-9]{32})\b/g],
  ['payment-key', /\brzp_(?:live|test)_([A-Za-z0-9]{14})\b/g],
  // Other services.
  ['service-token', /\bxox[abeoprs]-((?:\d+-)*[A-Za-z0-9-]{16,})/g],
  ['service-token', /\bxapp-\d-([\w-]{30,})/g],
  ['service-token', /hooks\.slack\.com\/(?:services|workflows)\/T\w+\/[AB]?\w+\/(?:\d+\/)?([A-Za-z0-9]{20,})/g],
  ['service-token', /discord(?:app)?\.com\/api\/webhooks\/\d{17,20}\/([\w-]{60,})/g],
  ['service-token', /(?<![\w.-])([MNO](?=[\w-]*\d)[\w-]{23,27}\.[\w-]{6}\.(?=[\w-]*\d)[\w-]{27,40})(?![\w.-])/g],
  ['service-token', /(?<!\w)\d{8,10}:(AA[\w-]{33})(?![\w-])/g],
  ['service-token', /\bSG\.([\w-]{22}\.[\w-]{43})(?![\w-])/g],
  ['service-token', /\bSK([0-9a-f]{32})\b/g],
  ['service-token', /(?<![\w-])key-([0-9a-f]{32})\b/g],
  ['service-token', /\bsk-(?:(?:proj|svcacct|admin|None|or-v1|lf)-)?((?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{40,})/g],
  ['service-token', /\bsk-ant-[a-z]+\d\d-([\w-]{60,})/g],
  [
    'service-token',
    /\b(?:hf|gsk|r8|lin_api|secret|ntn|figd|nvapi|pplx)[_-]((?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{34,})/g,
  ],
  ['service-token', /\b(?:sntrys|sntryu|glc|glsa)_([\w=+/-]{32,})/g],
  ['service-token', /\bNRAK-([A-Z0-9]{27})\b/g],
  ['service-token', /\bPMAK-([a-f0-9]{24}-[a-f0-9]{34})\b/g],
  ['service-token', /\bpat([A-Za-z0-9]{14}\.[a-f0-9]{64})\b/g],
  ['service-token', /\bshp(?:at|ca|pa|ss)_([a-fA-F0-9]{32})\b/g],
  ['signed-token', /(?<![\w.-])(eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,})/g],
  // Keys that are no PEM.
  ['private-key', /\bAGE-SECRET-KEY-1([0-9A-Z]{58})\b/g],
  ['private-key', /^\s*PrivateKey\s*=\s*([A-Za-z0-9+/]{43}=)/gm],
  ['private-key', /\{(?=[^{}]*"kty"\s*:)[^{}]*"d"\s*:\s*"([\w-]{40,})"/g],
  ['private-key', /<RSAKeyValue>[^]{0,3000}?<D>([A-Za-z0-9+/=\s]{40,})<\/D>/g],
  ['private-key', /untrusted comment: (?:minisign|signify) (?:encrypted )?secret key\s+([A-Za-z0-9+/=]{60,})/g],
];

/** Texts that are secret by their form alone. */
const FORMS: readonly (readonly [SecretKind, RegExp])[] = [
  ['private-key', /^PuTTY-User-Key-File-\d:/m],
  ['private-key', /"crypto"\s*:\s*\{[^]{0,400}?"(?:ciphertext|kdfparams)"/i],
  [
    'database-dump',
    /^-- (?:MySQL|MariaDB|PostgreSQL database|phpMyAdmin SQL) dump[^]*?^(?:INSERT INTO|COPY .+ FROM stdin)/im,
  ],
  [
    'passwords',
    /^\uFEFF?"?(?:(?:id|name|title|url|website|folder|favorite|account|email|login_uri|username|type)"?[,;]"?)+(?:[\w ]+"?[,;]"?)*(?:login_)?password\b/i,
  ],
];

/** `scheme://user:password@host`. */
const ADDRESS =
  /\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|s?ftp|ssh|smtps?|ldaps?|https?):\/\/([^\s:/@"'<>{}$]{1,64}):([^\s:/@"'<>{}$]{6,128})@([\w.-]+)/gi;
const HERE =
  /^(?:localhost|127\.|0\.0\.0\.0|host\.docker|db$|postgres$|mysql$|redis$|mongo(?:db)?$|host(?:name)?$|.*\bexample\b)/i;

/** Words that people write where a secret would be. */
const PLACEHOLDER =
  /example|sample|dummy|placeholder|changeme|your[-_]?|insert|redacted|replace|x{5}|\*{4}|\.{4}|0{8}|12345678|abcdef(?:gh|0)|deadbeef|^(?:password|secret)\d*$|passw(?:or)?d$/i;

/** A value by chance uses many different characters, also for its length; a form filled in with one letter does not. */
function looksRandom(value: string): boolean {
  if (PLACEHOLDER.test(value)) return false;
  return new Set(value).size >= Math.min(10, value.length / 2);
}

/** The payload of a JWT that every introduction to them shows. */
const KNOWN_EXAMPLE = '.eyJzdWIiOiIxMjM0NTY3ODkw';

function holdsToken(text: string, pattern: RegExp): boolean {
  for (const [, value = ''] of text.matchAll(pattern)) {
    if (looksRandom(value) && !value.includes(KNOWN_EXAMPLE)) return true;
  }
  return false;
}

const PEM_BEGIN = /-----BEGIN ([A-Z0-9 ]{0,40})-----/g;
/** The shortest private key there is, an Ed25519 one, has 64 characters. */
const MIN_KEY_CHARS = 60;
const KEY_CHARS_LOOKED_AT = 600;

/** Whether a private key stands there, and not only the line that begins one, as in a text about keys. */
function holdsPem(text: string): boolean {
  for (const { 0: line, 1: label = '', index } of text.matchAll(PEM_BEGIN)) {
    if (!/PRIVATE KEY/.test(label)) continue;
    const body = text
      .slice(index + line.length, index + line.length + KEY_CHARS_LOOKED_AT)
      // Headers of old encrypted keys and of PGP; what quotes a key in JSON, in YAML, in source code.
      .replace(/^[ \t]*[A-Za-z-]+: .*$/gm, '')
      .replace(/\\[nr]|[\s"'+,|>#*;]|\/\//g, '');
    const key = /^[A-Za-z0-9+/=]*/.exec(body)?.[0] ?? '';
    if (key.length >= MIN_KEY_CHARS && looksRandom(key)) return true;
  }
  return false;
}

function holdsAddress(text: string): boolean {
  for (const [, user = '', password = '', host = ''] of text.matchAll(ADDRESS)) {
    if (HERE.test(host) || PLACEHOLDER.test(password) || password === user) continue;
    // Hosts of one word are made up in documents and compose files.
    if (host.includes('.') && new Set(password).size >= 5) return true;
  }
  return false;
}

/** What is secret in the beginning of a text; `undefined` when nothing was found. */
export function secretIn(text: string): SecretKind | undefined {
  if (holdsPem(text)) return 'pem-key';
  const found = TOKENS.find(([, pattern]) => holdsToken(text, pattern)) ?? FORMS.find(([, form]) => form.test(text));
  if (found) return found[0];
  if (holdsAddress(text)) return 'password';
  return holdsSeedPhrase(text) ? 'seed-phrase' : undefined;
}

/** Whether a text is PEM all right, but only what anyone may have: certificates and public keys. Its name does not tell. */
export function isPublicPem(text: string): boolean {
  const labels = [...text.matchAll(PEM_BEGIN)].map(([, label = '']) => label);
  return labels.length > 0 && labels.every((label) => /CERTIFICATE|PUBLIC KEY|PARAMETERS|CRL/.test(label));
}

/** What is secret in a file, by its path and by the beginning of its text: what was read says it better than a name. */
export function secretOf(path: string, text: string): SecretKind | undefined {
  const held = secretIn(text);
  if (held) return held;
  const named = secretByPath(path);
  return named === 'private-key-name' && isPublicPem(text) ? undefined : named;
}
