/*
 * For `node --import`: has the program believe that it is on macOS, from when its native add-on is
 * loaded on, which is found by the true platform. What the program does then on Linux is what it
 * does there; what the system does stays what it is.
 */
const { dlopen } = process;
process.dlopen = (...args) => {
  const loaded = dlopen.apply(process, args);
  Object.defineProperty(process, "platform", { value: "darwin" });
  return loaded;
};
