// world-atlas/*.json: esbuild copies the files, and an import returns the URL of the copy.
declare const url: string;
export default url;
