// Where in a JSON text a value stands, so that an error can be shown where it is.

// The place of each value by its path as the API writes it ("query.photo.iso.$gt", "query.$or[1]"), as [start, end]
// of its name, or of the value itself in a list. Stops where the text is no JSON.
export function jsonPlaces(text, root) {
  const places = new Map([[root, [0, text.length]]]);
  let at = 0;
  const space = () => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  const fail = () => {
    throw new SyntaxError("no JSON");
  };
  const string = () => {
    const start = at++;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at++;
    return JSON.parse(text.slice(start, at));
  };
  const value = (path) => {
    space();
    if (text[at] === "{") object(path);
    else if (text[at] === "[") list(path);
    else if (text[at] === '"') string();
    else {
      const scalar = /^[-+.\w]+/.exec(text.slice(at));
      if (!scalar) fail();
      at += scalar[0].length;
    }
    space();
  };
  const object = (path) => {
    at++;
    space();
    while (at < text.length && text[at] !== "}") {
      const start = at;
      if (text[at] !== '"') fail();
      const here = `${path}.${string()}`;
      places.set(here, [start, at]);
      space();
      if (text[at++] !== ":") fail();
      value(here);
      if (text[at] === ",") at++;
      space();
    }
    at++;
  };
  const list = (path) => {
    at++;
    space();
    for (let index = 0; at < text.length && text[at] !== "]"; index++) {
      const start = at;
      const here = `${path}[${index}]`;
      value(here);
      places.set(here, [start, at]);
      if (text[at] === ",") at++;
      space();
    }
    at++;
  };
  try {
    value(root);
  } catch {
    // What was read so far is known.
  }
  return places;
}

// [start, end] in `text` of what the API's message speaks of; null where it does not say.
export function errorPlace(text, message, root = "query") {
  const column = /line (\d+) column (\d+)/.exec(message);
  if (column) {
    const lines = text.split("\n");
    const line = Math.min(lines.length, Number(column[1])) - 1;
    const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0) + Number(column[2]) - 1;
    const at = Math.min(Math.max(0, start), Math.max(0, text.length - 1));
    return [at, Math.min(text.length, at + 1)];
  }
  let found = null;
  for (const [path, place] of jsonPlaces(text, root)) {
    // Paths are cut at 200 characters; of those that fit the longest says most.
    if (path !== root && message.startsWith(path.slice(0, 200)) && /^[:\s]/.test(message.slice(Math.min(200, path.length)))) found = place;
  }
  return found;
}
