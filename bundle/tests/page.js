/**
 * @file What modules read of the page at import, for tests without a browser. Import it first.
 */
const settings = { needs_token: false, has_token: true, dashboard_port: 5555, tiles_url: null };

Object.assign(globalThis, {
  addEventListener: () => {},
  document: { querySelector: () => ({ content: JSON.stringify(settings) }) },
});
