# docker build -t latchkey .
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package of ours needs its install scripts: the prebuilt parts come as packages of their own.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
COPY --from=build /app/package.json /app/
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
COPY drizzle /app/drizzle
RUN chmod 755 /app/dist/main.js \
 && ln -s /app/dist/main.js /usr/local/bin/latchkey \
 && install -d -o node -g node -m 0700 /data

# LATCHKEY_HOST goes before the file's listen.host; set to nothing, it leaves it to the file. With MySQL the pid file, by which
# `latchkey reload` finds the service, is a temporary one.
ENV NODE_ENV=production \
    LATCHKEY_CONFIG=/etc/latchkey/latchkey.yaml \
    LATCHKEY_HOST=0.0.0.0 \
    LATCHKEY_PORT=8000 \
    TMPDIR=/data
EXPOSE 8000
# The embedded database is data/latchkey.db where the process runs. Nothing else is written: the root may be read-only.
VOLUME /data
WORKDIR /
USER node
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.LATCHKEY_PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
