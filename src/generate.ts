/** Writes the files that are generated from the configuration's schema, or checks that they are up to date. @module */
