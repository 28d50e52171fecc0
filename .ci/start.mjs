// npm start: install, build, serve. Flags and environment go to the server (--help says which).
import { build, install } from './prepare.mjs';

install();
build();
await import('../build/main.js');
