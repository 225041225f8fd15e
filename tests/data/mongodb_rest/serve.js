// Serve a MongoDB by npm's mongodb-rest: node serve.js MONGODB_URI PORT
//
// mongodb-rest 0.10.14 uses the driver 1.4.7, whose protocol MongoDB 5.1 removed. So the driver is replaced by 3.7.4,
// the last one with callbacks, and the few methods that mongodb-rest calls are given their old form.
"use strict";

const mongodb = require("mongodb");
const { MongoClient, ObjectID } = mongodb;

mongodb.BSONPure = { ObjectID };
const connect = MongoClient.connect.bind(MongoClient);
MongoClient.connect = (uri, callback) =>
  connect(uri, { useUnifiedTopology: true }, (error, client) => callback(error, client && adapt(client.db())));

function adapt(db) {
  db.collectionNames = (callback) =>
    db.listCollections().toArray((error, found) =>
      callback(
        error,
        found?.map(({ name }) => ({ name: `${db.databaseName}.${name}` })),
      ),
    );
  const collection = db.collection.bind(db);
  db.collection = (name, callback) => {
    const opened = collection(name);
    const find = opened.find.bind(opened);
    opened.find = (query, { limit, skip, fields, sort, hint }, done) =>
      done(null, find(query, { limit: Number(limit ?? 0), skip: Number(skip ?? 0), projection: fields, sort, hint }));
    callback(null, opened);
  };
  return db;
}

const [, , db, port] = process.argv;
const logger = { verbose() {}, info() {}, warn: console.warn, error: console.error };
require("mongodb-rest").startServer({ db, server: { port: Number(port), address: "127.0.0.1" }, logger });
