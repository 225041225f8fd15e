// Runs before the page is drawn, so that a chosen theme does not flash in the other one's colours.
try {
  const theme = localStorage.getItem("explorer.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's theme holds then.
}
