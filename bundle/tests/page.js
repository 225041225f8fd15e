/**
 * @file Stand-ins for the browser's globals that modules use while they are imported. Import this file before them.
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
