// world-atlas/*.json: esbuild copies the files and gives their address.
declare const address: string;
export default address;
