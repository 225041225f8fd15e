/**
 * @file Reads colours of the stylesheets for canvases, which support neither custom properties nor light-dark().
 */

/**
 * Return the colour of a custom property ("--line") in the current theme, in a form that a canvas accepts.
 * @param {Element} element
 * @param {string} name
 */
export function readColour(element, name) {
  const sample = document.createElement("span");
  sample.style.color = `var(${name})`;
  element.append(sample);
  const { color } = getComputedStyle(sample);
  sample.remove();
  return color;
}

/**
 * Call `onChange` whenever the theme of the system or the explorer changes.
 * @param {() => void} onChange
 * @returns {() => void} a function that stops watching
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
