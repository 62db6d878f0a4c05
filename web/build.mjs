// Makes dist of src. Run it by `make web`.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const files = 'dist/files'
rmSync('dist', { recursive: true, force: true })
mkdirSync(files, { recursive: true })

const result = await build({
  entryPoints: ['src/main.tsx', 'src/style.css', 'src/icon.svg'],
  outdir: join(files, 'assets'),
  entryNames: '[name]-[hash]',
  loader: { '.svg': 'copy' },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  metafile: true,
})

const made = {}
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  made[basename(output.entryPoint ?? Object.keys(output.inputs)[0])] = 'assets/' + basename(path)
}
writeFileSync(join(files, 'index.html'), `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Flott</title>
<link rel="icon" href="${made['icon.svg']}" type="image/svg+xml">
<link rel="stylesheet" href="${made['style.css']}">
<script type="module" src="${made['main.tsx']}"></script>
<noscript>The dashboard needs JavaScript.</noscript>
<div id="app"></div>
</html>
`)

const licenses = ['@dagrejs/dagre', '@dagrejs/graphlib', 'preact', 'uplot']
  .map((name) => `${name}\n\n${readFileSync(join('node_modules', name, 'LICENSE'), 'utf8').trim()}\n`)
writeFileSync(join(files, 'licenses.txt'), licenses.join('\n---\n\n'))

// web_test.go computes the same.
const hash = createHash('sha256')
const sources = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name).replaceAll('\\', '/'))
for (const name of ['build.mjs', 'package-lock.json', 'package.json', 'tsconfig.json', ...sources].sort()) {
  const text = readFileSync(name)
  hash.update(`${name} ${text.length}\n`).update(text)
}
writeFileSync('dist/sources', hash.digest('hex') + '\n')
