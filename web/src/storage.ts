// What is kept in the browser, where it lets us: with storage switched off nothing outlives the page.

function quietly<T>(f: () => T): T | undefined {
  try {
    return f()
  } catch {
    return undefined
  }
}

// tab keeps texts as long as the tab, always as long as the browser's profile.
export const tab = of(() => sessionStorage)
export const always = of(() => localStorage)

function of(storage: () => Storage) {
  return {
    get: (key: string) => quietly(() => storage().getItem(key)) ?? '',
    set: (key: string, value: string) => quietly(() => storage().setItem(key, value)),
  }
}
