// Loaded into Playwright's driver with NODE_OPTIONS, so that it drives Debian's Firefox, by WebDriver BiDi.
//
// For each new context, Playwright sends a command that sets the colour scheme, and fails because Firefox 153 does not
// know the command. With this file, Playwright ignores the failure. Delete the file once Debian's Firefox knows
// emulation.setMediaFeaturesOverride.
const { registerHooks } = require("node:module");

const STRICT = '.send("emulation.setMediaFeaturesOverride"';
const LENIENT = '.sendMayFail("emulation.setMediaFeaturesOverride"';

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith("/coreBundle.js")) return loaded;
    return { ...loaded, source: String(loaded.source).replaceAll(STRICT, LENIENT) };
  },
});
