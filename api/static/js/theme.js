// Runs before the first paint, so that the page does not flash in the colours of the other theme.
try {
  const theme = localStorage.getItem("explorer.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // The browser blocks storage; the system's theme applies.
}
