// A button that appears under a finger already on its way is not a yes: it takes clicks only after half a second.

const WAIT_MS = 500;

/** A Svelte attachment for buttons whose click is a decision. */
export function unhurried(button: HTMLButtonElement): () => void {
  // Looks as it will be: only a hand that was already moving notices.
  button.classList.add('unhurried');
  button.disabled = true;
  const timer = setTimeout(() => (button.disabled = false), WAIT_MS);
  return () => clearTimeout(timer);
}

/** The same for a button that says yes to several things at once: when what it means changes, it waits anew. */
export function unhurriedAbout(_meaning: string): typeof unhurried {
  return (button) => unhurried(button);
}
