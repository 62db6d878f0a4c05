// Package config has the keys by which a job is configured from outside of its code, as Apache Flink's
// config.yaml and -Dkey=value do, with Flink's names where there is one.
//
//	c, err := config.Load("config.yaml")
//	err = c.SetPairs("parallelism.default=4", "execution.checkpointing.interval=10 s")
//	err = launch.Run(ctx, env, "orders", launch.Configuration(c))
//
// A key is an Option with a type, a default and aliases; docs/configuration.md has the table, which a test
// writes. A value is checked when it is set: keys that there are not, and wrong values, are errors that
// say what is accepted. What is not set leaves to code what it says, or the default.
//
// Data flow: programs and launch (FLOTT_CONF) make a Configuration; stream and launch read it.
package config
