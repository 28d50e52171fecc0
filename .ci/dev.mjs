// npm run dev: the app with hot reload and the signaling server, on one port.
import { join } from 'node:path';
import { install, run } from './prepare.mjs';

install();
const port = process.env.PORT ?? '8080';
run(process.execPath, [join('node_modules', 'vite', 'bin', 'vite.js'), '--port', port, ...process.argv.slice(2)]);
