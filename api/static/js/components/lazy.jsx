/**
 * @file Views whose code is loaded when they are opened for the first time.
 * @import { ComponentType, JSX } from "preact"
 */
import { Problem } from "../core/api.js";
import { useRequest } from "../hooks/use_request.js";
import { Failed, Loading } from "./status_screens.jsx";

/**
 * Return a component that loads another one.
 * @param {() => Promise<{default: ComponentType<any>}>} load
 * @param {string} subject what messages say is being loaded
 * @returns {(props: any) => JSX.Element}
 */
export function lazy(load, subject) {
  /** @type {ComponentType<any> | null} */
  let loaded = null;
  const loadOnce = async () => {
    try {
      loaded ??= (await load()).default;
    } catch {
      throw new Problem({ code: "unreachable", detail: `Couldn't load the ${subject}.` });
    }
    return true;
  };
  return function Lazy(props) {
    const { error, reload, slow } = useRequest(loadOnce, subject);
    const View = loaded;
    if (View) return <View {...props} />;
    return error ? (
      <Failed error={error} retry={reload} />
    ) : (
      <Loading subject={subject} slow={slow} />
    );
  };
}
