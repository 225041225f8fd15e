// What the page knows of the server's settings: database, collection, dashboard_port, needs_token, has_token,
// sign_originals, tiles_url (null: no tiles), tiles_attribution.
export const settings = JSON.parse(document.querySelector('meta[name="explorer"]').content);
