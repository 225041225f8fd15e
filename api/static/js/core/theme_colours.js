/**
 * @file Resolves the stylesheets' colours for canvases, which support neither custom properties nor light-dark().
 */

/**
 * Return the colour of a custom property ("--line") in the current theme, in a form that a canvas accepts.
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
 * Call `onChange` whenever the theme changes, in the system or in the explorer.
 * @param {() => void} onChange
 * @returns {() => void} stops watching
 */
export function watchTheme(onChange) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const page = new MutationObserver(onChange);
  system.addEventListener("change", onChange);
  page.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    system.removeEventListener("change", onChange);
    page.disconnect();
  };
}
