/**
 * @file Components whose code is loaded when they are shown for the first time.
 * @import { ComponentChildren, ComponentType, JSX } from "preact"
 * @import { Deferred } from "../core/deferred.js"
 */
import { importPart } from "../core/deferred.js";
import { useState } from "../core/preact.js";
import { useRequest } from "../hooks/use_request.js";
import { Dialog } from "./dialog.jsx";
import { Failed, Loading } from "./status_screens.jsx";

/**
 * @typedef {(props: any, content: JSX.Element) => JSX.Element | null} Frame returns what is shown until a component is
 *   loaded. Its content says that the component is being loaded, or why it could not be loaded.
 */

/** @type {Frame} */
const withoutFrame = (_props, content) => content;

/**
 * Return a frame for components that are dialogs.
 * @param {string} title
 * @param {(props: any) => () => void} closeOf returns the function that closes the dialog
 * @returns {Frame}
 */
export const dialogFrame = (title, closeOf) => (props, content) => (
  <Dialog title={title} close={closeOf(props)}>
    {content}
  </Dialog>
);

/**
 * Return a component of a module that is loaded when the component is first rendered.
 * @template T
 * @param {Deferred<T>} deferred
 * @param {(module: T) => ComponentType<any>} choose
 * @param {string} subject what to say is being loaded
 * @param {Frame} [frame]
 * @returns {(props: any) => JSX.Element}
 */
export function lazy(deferred, choose, subject, frame = withoutFrame) {
  return function Lazy(props) {
    const [, setLoaded] = useState(false);
    if (deferred.module) {
      const Component = choose(deferred.module);
      return <Component {...props} />;
    }
    const load = async () => {
      await importPart(deferred.load, subject);
      setLoaded(true);
    };
    return <Waiting load={load} subject={subject} frame={(content) => frame(props, content)} />;
  };
}

/**
 * @param {object} props
 * @param {() => Promise<void>} props.load
 * @param {string} props.subject
 * @param {(content: JSX.Element) => ComponentChildren} props.frame
 */
function Waiting({ load, subject, frame }) {
  const { error, reload } = useRequest(load, subject);
  return (
    <>{frame(error ? <Failed error={error} retry={reload} /> : <Loading subject={subject} />)}</>
  );
}
