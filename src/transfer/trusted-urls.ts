// The one Trusted Types policy of ours (named in the page's CSP): it lets exactly the built scripts listed here be run
// as workers, and nothing else.

import workerUrl from './worker.ts?worker&url';

interface ScriptPolicy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: ScriptPolicy): ScriptPolicy;
}

export const transferWorkerUrl = workerUrl;

const allowed = new Set([transferWorkerUrl]);
const rules: ScriptPolicy = {
  createScriptURL(url) {
    if (!allowed.has(url)) throw new TypeError('not a script of this app');
    return url;
  },
};
const factory = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
const policy = factory?.createPolicy('doorstep', rules) ?? rules;

/** A script URL the browser accepts. Throws TypeError for any other than the app's own. */
export function trustedScriptUrl(url: string): string {
  return policy.createScriptURL(url);
}
