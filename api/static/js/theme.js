// Runs before the page is drawn, so that a chosen theme does not flash in the other one's colours.
try {
  const theme = localStorage.getItem("explorer.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // The browser forbids storage: the system's theme is used.
}
