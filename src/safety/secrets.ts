// What a person probably does not mean to hand out (safety.md, What leaves). First cut: by path alone.

export type SecretReason = '' | 'hidden' | 'tooling' | 'secret';

const TOOLING = new Set(['.git', '.svn', '.hg', 'node_modules', '.aws', '.ssh', '.gnupg', '.kube', '.docker']);
const SECRET_NAME =
  /^(?:\.env.*|id_[a-z0-9_]+|.+\.(?:pem|key|p12|pfx|kdbx|jks|ppk|ovpn|keychain(?:-db)?|tfstate)|credentials|\.npmrc|\.pypirc|\.netrc|wallet\.dat|login data|key[34]\.db|logins\.json|cookies(?:\.sqlite)?)$/iu;

/** Why a file with this path (components joined by `/`) starts unticked in the review; empty when it does not. */
export function secretReason(path: string): SecretReason {
  const parts = path.split('/');
  const name = parts.at(-1) ?? '';
  if (SECRET_NAME.test(name) && !name.toLowerCase().endsWith('.pub')) return 'secret';
  if (parts.some((part) => TOOLING.has(part.toLowerCase()))) return 'tooling';
  return parts.some((part) => part.startsWith('.')) ? 'hidden' : '';
}
