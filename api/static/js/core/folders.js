/**
 * @file Names of the local folders that are indexed as buckets. Such a bucket has a generated name, which is only shown
 * if the folder is unknown.
 */
import { lookupTable } from "./lookup_table.js";

/** @type {Record<string, string>} */
let folders = lookupTable({});

/**
 * Set the folders of this installation, by bucket.
 * @param {Record<string, string>} known
 */
export function setFolders(known) {
  folders = lookupTable(known);
}

/**
 * Return the bucket's name, or the path of the folder that it stands for.
 * @param {string} bucket
 */
export const bucketName = (bucket) => folders[bucket] ?? bucket;

/**
 * Return where a photo's file is: the path of a file on this machine, or the URI of an object in S3.
 * @param {{bucket?: string | null, key?: string | null, id: string}} record
 */
export function locationOf({ bucket, key, id }) {
  const folder = bucket ? folders[bucket] : undefined;
  return folder && key
    ? { isFile: true, text: `${folder}/${key}` }
    : { isFile: false, text: `s3://${id}` };
}

/**
 * Return a job's source as users know it: a folder's path, or the bucket and prefix.
 * @param {string} source s3://bucket/prefix
 */
export function sourceName(source) {
  const [, bucket = "", rest = ""] = /^s3:\/\/([^/]*)(.*)$/s.exec(source) ?? [];
  return folders[bucket] ? `${folders[bucket]}${rest}` : source;
}
