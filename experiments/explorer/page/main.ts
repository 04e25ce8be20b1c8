// Starts the page.
import { h, render } from 'preact'
import { sources } from '../constants.ts'
import { App } from './app.ts'

const root = document.getElementById('explorer')
if (root === null) throw new Error('index.html has no element "explorer"')
root.replaceChildren()
render(h(App, { root, sources }), root)
