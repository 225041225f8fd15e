/**
 * @file Fakes of the page's globals that modules use when they are imported. Import this file before them.
 */
const settings = {
  needs_token: false,
  has_token: true,
  dashboard_port: 5555,
  version: "0.0.0",
  tiles_url: null,
};

Object.assign(globalThis, {
  addEventListener: () => {},
  location: { protocol: "http:", hostname: "localhost" },
  document: { querySelector: () => ({ content: JSON.stringify(settings) }) },
});
