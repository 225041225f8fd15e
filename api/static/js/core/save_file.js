/**
 * @file Saves responses as files.
 */

/**
 * Save a response as a file. If the browser supports it, write the data to disk as it arrives, because a million
 * records may not fit in memory.
 * @param {Response} response
 * @param {string} name
 */
export async function saveStream(response, name) {
  const { showSaveFilePicker } = /** @type {any} */ (window);
  if (showSaveFilePicker) {
    const handle = await showSaveFilePicker({ suggestedName: name });
    await response.body?.pipeTo(await handle.createWritable());
    return;
  }
  await saveBlob(response, name);
}

/**
 * Save a short response as a file.
 * @param {Response} response
 * @param {string} name
 */
export async function saveBlob(response, name) {
  const url = URL.createObjectURL(await response.blob());
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  // Revoking the URL too early would cancel the download.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
