import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Loaded before the service: writes down four times a second how long its event loop stood still at most. */
const { LOOP_DELAY_FILE = '' } = process.env
const resolution = 5
const delays = monitorEventLoopDelay({ resolution })
delays.enable()
setInterval(() => {
  // its own timer's interval is in each value
  const pauseMs = Math.max(0, delays.max / 1e6 - resolution)
  delays.reset()
  appendFileSync(LOOP_DELAY_FILE, `${JSON.stringify({ at: Date.now(), pauseMs })}\n`)
}, 250).unref()
