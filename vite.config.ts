import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import type { Plugin } from 'vite';

/** `npm run dev`: the signaling server on Vite's own HTTP server, reloaded when a file of it changes. */
function signalingInDev(): Plugin {
  return {
    name: 'doorstep-signaling',
    apply: 'serve',
    configureServer(vite) {
      type App = typeof import('./signaling/server.ts');
      let attached: ReturnType<App['attachSignaling']> | undefined;
      const load = async () => {
        const http = vite.httpServer;
        if (!http) return;
        // Without this the module loaded before the change would be handed out again.
        vite.environments.ssr.moduleGraph.invalidateAll();
        const app = (await vite.ssrLoadModule('/signaling/server.ts')) as App;
        attached?.close();
        attached = app.attachSignaling(http);
      };
      vite.watcher.on('change', (file) => {
        if (file.includes('/signaling/') || file.endsWith('/protocol/signal.ts')) void load();
      });
      return () => void load();
    },
  };
}

export default defineConfig(({ isSsrBuild }) => ({
  plugins: isSsrBuild ? [] : [svelte(), signalingInDev()],
  publicDir: isSsrBuild ? false : 'public',
  worker: { format: 'es' },
  build: isSsrBuild
    ? { outDir: 'build', target: 'node20', minify: false, emptyOutDir: true }
    : { outDir: 'dist', target: 'es2023', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  test: { include: ['src/**/*.test.ts', 'signaling/**/*.test.ts'], testTimeout: 60_000 },
}));
