// esbuild copies the files, and an import returns the URL of the copy.
declare module "*.tsv" {
  const url: string;
  export default url;
}
