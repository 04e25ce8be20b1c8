// Components that are drawn again only when their inputs have changed.
import { Component, h, type ComponentClass, type FunctionComponent } from 'preact'
import { useRef } from 'preact/hooks'

/** The component, drawn again only when one of its properties has changed. */
export function memo<P extends object>(draw: FunctionComponent<P>): ComponentClass<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      return differs(this.props, next)
    }
    override render() {
      return h(draw, this.props as P)
    }
  }
}

/** The previous drawing's object, as long as each field has the same value: a context that holds it causes no new drawing. */
export function useKept<T extends object>(now: T): T {
  const kept = useRef(now)
  if (differs(kept.current, now)) kept.current = now
  return kept.current
}

function differs<T extends object>(before: T, now: T): boolean {
  return (Object.keys(now) as (keyof T)[]).some((name) => now[name] !== before[name])
}
