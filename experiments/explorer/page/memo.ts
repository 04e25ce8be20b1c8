// A component that is drawn again only for other properties.
import { Component, h, type ComponentClass, type FunctionComponent } from 'preact'

/** The component, drawn again only when one of its properties is another value. */
export function memo<P extends object>(draw: FunctionComponent<P>): ComponentClass<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const now: Readonly<P> = this.props
      return (Object.keys(next) as (keyof P)[]).some((name) => next[name] !== now[name])
    }
    override render() {
      return h(draw, this.props as P)
    }
  }
}
