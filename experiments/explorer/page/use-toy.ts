// The toys' training on the page: in short slices, one per frame, and only while they can be seen.
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks'
import { PRESENT, ToyTraining, type ToySettings } from '../../lab/analysis/superposition/toy.ts'

/** Steps per frame, chosen so that a training takes about three seconds and can be watched. */
const PACE = 12
/** Milliseconds of a frame that training may take: the rest is for typing and drawing. */
const SLICE_MS = 6

export interface ToyDesk {
  readonly training: ToyTraining
  readonly playing: boolean
  readonly play: () => void
  readonly stop: () => void
  /** Restarts from the same start. */
  readonly again: () => void
}

/** Trains again for other settings. Readers who asked for less motion see the end at once. */
export function useToy({ present, decay, seed }: ToySettings, inSight: boolean): ToyDesk {
  const [round, nextRound] = useReducer((round: number) => round + 1, 0)
  const training = useMemo(() => new ToyTraining({ present, decay, seed }), [present, decay, seed, round])
  const [stopped, setStopped] = useState<ToyTraining | null>(null)
  const draw = useDraw()
  const playing = !training.done && stopped !== training
  useEffect(() => {
    if (!playing || !inSight) return
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    return eachFrame(() => {
      train(training, still ? Infinity : PACE)
      if (training.done || !still) draw()
      return !training.done
    })
  }, [training, playing, inSight])
  return {
    ...{ training, playing },
    play: () => setStopped(null),
    stop: () => setStopped(training),
    again: () => nextRound(undefined),
  }
}

/** Trains at each of the slider's stops from the same start, one after the other, while `ready`. */
export function useToys({ decay, seed }: ToySettings, ready: boolean): readonly ToyTraining[] {
  const trainings = useMemo(
    () => PRESENT.map((present) => new ToyTraining({ present, decay, seed })),
    [decay, seed],
  )
  const draw = useDraw()
  useEffect(() => {
    if (!ready) return
    return eachFrame(() => {
      const next = trainings.find(({ done }) => !done)
      if (next === undefined) return false
      train(next, Infinity)
      if (next.done) draw()
      return true
    })
  }, [trainings, ready])
  return trainings
}

function useDraw(): () => void {
  const [, draw] = useReducer((times: number) => times + 1, 0)
  return () => draw(undefined)
}

/** Takes this many steps, but no more than a slice of a frame has time for. */
function train(training: ToyTraining, steps: number): void {
  const end = performance.now() + SLICE_MS
  for (let n = 0; n < steps && !training.done && performance.now() < end; n++) training.step()
}

/** Calls `turn` once per frame until it returns false. -> a function that stops it */
function eachFrame(turn: () => boolean): () => void {
  let frame = requestAnimationFrame(function next() {
    if (turn()) frame = requestAnimationFrame(next)
  })
  return () => cancelAnimationFrame(frame)
}
