#!/usr/bin/env bash
# The race on this machine's GPU, from a clean clone: installs what it needs, runs `bench gpujs --race`, prints its table and keeps
# it in bench/results/. Options are passed on: --small, --json, --out FILE.
set -euo pipefail
cd "$(dirname "$0")/../.."
npm ci
npm ci --prefix bench/peers
npm install --no-save --save-dev webgpu@0.6.2
npm run bench -- gpujs --race "$@"
