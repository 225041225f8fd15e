// The one place that names the vendored framework: Preact and htm, which build elements and never parse HTML.
import { Component } from "../vendor/htm-preact/standalone.module.js";

export {
  html,
  render,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "../vendor/htm-preact/standalone.module.js";

// A component that is drawn anew only when one of its properties is another one: of a long list, a scroll then costs
// only what comes into sight.
export function settled(draw) {
  return class extends Component {
    shouldComponentUpdate(next) {
      return Object.keys(next).some((name) => next[name] !== this.props[name]);
    }

    render(properties) {
      return draw(properties);
    }
  };
}
