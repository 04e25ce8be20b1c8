// What is drawn again only when something that it is drawn from is another.
import { Component, h, type ComponentClass, type FunctionComponent } from 'preact'
import { useRef } from 'preact/hooks'

/** The component, drawn again only when one of its properties is another value. */
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

/** The object of the drawing before, as long as each field is the same value: a context that holds it draws nothing again. */
export function useKept<T extends object>(now: T): T {
  const kept = useRef(now)
  if (differs(kept.current, now)) kept.current = now
  return kept.current
}

function differs<T extends object>(before: T, now: T): boolean {
  return (Object.keys(now) as (keyof T)[]).some((name) => now[name] !== before[name])
}
