/**
 * @file Re-exports Preact, so that other modules do not depend on the framework's name. Preact creates elements and
 * never parses HTML.
 */
import { Component } from "preact";

export { Fragment, render } from "preact";
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
 * Return a component that renders again only if one of its properties has changed. When a long list is scrolled, only
 * the items that come into view are then rendered.
 * @template {Record<string, any>} P
 * @param {(properties: P) => import("preact").ComponentChildren} renderItem
 */
export function memo(renderItem) {
  /** @extends {Component<P>} */
  return class Memo extends Component {
    /** @param {Record<string, any>} next */
    shouldComponentUpdate(next) {
      const current = /** @type {Record<string, any>} */ (this.props);
      return Object.keys(next).some((name) => next[name] !== current[name]);
    }

    render() {
      return renderItem(/** @type {P} */ (/** @type {unknown} */ (this.props)));
    }
  };
}
