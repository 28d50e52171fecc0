// The built app as static files, each with the headers of docs/threat-model.md: nothing of it may run, load or be framed
// but what this origin ships.

import type { IncomingMessage, ServerResponse } from 'node:http';
import sirv from 'sirv';

const policy = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' blob: data:",
  'connect-src': "'self'",
  'worker-src': "'self'",
  'manifest-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
  'require-trusted-types-for': "'script'",
  // Svelte's own policy, and the one in src/transfer/trusted-urls.ts.
  'trusted-types': 'svelte-trusted-html doorstep',
};

const headers = {
  'Content-Security-Policy': Object.entries(policy)
    .map(([name, value]) => `${name} ${value}`)
    .join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Permissions-Policy': [
    ...['accelerometer', 'autoplay', 'display-capture', 'encrypted-media', 'fullscreen', 'geolocation'],
    ...['gyroscope', 'hid', 'idle-detection', 'local-fonts', 'magnetometer', 'microphone', 'midi', 'payment'],
    ...['publickey-credentials-get', 'serial', 'usb', 'xr-spatial-tracking'],
  ]
    .map((feature) => `${feature}=()`)
    .concat('camera=(self)', 'clipboard-write=(self)')
    .join(', '),
};

/** A request handler for the files in `folder`; 404 in plain text for everything else. */
export function serveStatic(folder: string) {
  const files = sirv(folder, {
    etag: true,
    setHeaders(response, path) {
      // Built files are named by their content; the page itself must be asked for anew.
      response.setHeader(
        'Cache-Control',
        path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  return (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (request.url === '/healthz') {
      response.setHeader('Content-Type', 'text/plain').end('ok\n');
      return;
    }
    files(request, response, () => {
      response.statusCode = 404;
      response.setHeader('Content-Type', 'text/plain').end('not found\n');
    });
  };
}
