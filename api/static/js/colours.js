// Colours of the stylesheets for what is drawn on a canvas, which knows no custom properties and no light-dark().

// The colour of a custom property ("--line") as a canvas takes it, in the theme of the moment.
export function readColour(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

// Calls `draw` whenever the theme changes, the system's or the chosen one. Returns: what ends that.
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
