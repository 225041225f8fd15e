/**
 * @file The one module that names the framework: Preact, which builds elements and never parses HTML.
 */
import { Component } from "preact";

export { render } from "preact";
export {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "preact/hooks";

/**
 * Return a component that renders only when one of its properties changed. Scrolling a long list then costs only the
 * items that come into sight.
 * @template {Record<string, any>} P
 * @param {(properties: P) => import("preact").ComponentChildren} draw
 */
export function memo(draw) {
  /** @extends {Component<P>} */
  return class Memo extends Component {
    /** @param {Record<string, any>} next */
    shouldComponentUpdate(next) {
      const current = /** @type {Record<string, any>} */ (this.props);
      return Object.keys(next).some((name) => next[name] !== current[name]);
    }

    render() {
      return draw(/** @type {P} */ (/** @type {unknown} */ (this.props)));
    }
  };
}
