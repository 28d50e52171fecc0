import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'e2e',
  // Every test has browsers and a server of its own. Two cores: more than two at once would only make them wait.
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  outputDir: 'test-results/e2e',
  reporter: 'list',
});
