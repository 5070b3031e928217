const start = performance.now();
const { betterAuth } = require("better-auth-express");
const importMs = performance.now() - start;
const { startMongo } = require("better-auth-express/dev");
const express = require("express");

void import("./try-out.mjs").then(({ tryOut }) =>
  tryOut({ betterAuth, startMongo, express, importMs }),
);
