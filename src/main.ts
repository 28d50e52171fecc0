import { mount } from 'svelte';
import './ui/base.css';
import { App as AppState } from './ui/app.svelte.ts';
import App from './ui/App.svelte';

const app = new AppState();
const target = document.getElementById('app');
if (target) mount(App, { target, props: { app } });

void app.start();
addEventListener('pagehide', () => app.depart());
// Brought back from the back/forward cache: the room was left when the page went.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});
// Another link opened in this very tab changes only the fragment: a new start.
addEventListener('hashchange', () => {
  if (location.hash.length > 1) location.reload();
});
