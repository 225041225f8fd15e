/**
 * @file Colours of the stylesheets for canvases, which know neither custom properties nor light-dark().
 */

/**
 * Return the colour of a custom property ("--line") as a canvas takes it, in the current theme.
 * @param {Element} element
 * @param {string} name
 */
export function readColour(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/**
 * Call `draw` whenever the theme changes: the system's or the chosen one.
 * @param {() => void} draw
 * @returns {() => void} stops watching
 */
export function watchTheme(draw) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = new MutationObserver(draw);
  system.addEventListener("change", draw);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    system.removeEventListener("change", draw);
    chosen.disconnect();
  };
}
