// Misbehaves as the request's `kind` says: rows 1, 3, 6 and 14 of the matrix of hostile guests, from JavaScript.
const NAMESPACE = 'urn:example:hostile-javascript';

function forever() {
  for (let turns = 0; ; turns += 1) {
    globalThis.turns = turns;
  }
}

function allocate() {
  const hoard = [];
  for (;;) {
    hoard.push(new Uint8Array(1 << 20).fill(1));
  }
}

const KINDS = {
  good: () => `<good xmlns='${NAMESPACE}'/>`,
  loop: forever,
  allocate,
  trap: () => {
    throw new Error('thrown on purpose');
  },
  recurse: function recurse() {
    return [recurse()];
  },
  // An error of a case that the interface does not have.
  discriminant: () => {
    throw { payload: { condition: 'no-such-condition' } };
  },
  // Half of a surrogate pair in an attribute, which is no Unicode text.
  surrogate: () => `<bad xmlns='${NAMESPACE}' half='\ud800'/>`,
  // Neither a text nor nothing.
  type: () => ({ not: 'a text' }),
};

export const lifecycle = {
  describe() {
    return {
      name: 'hostile-javascript',
      version: '1.0.0',
      summary: 'misbehaves in JavaScript',
      implements: [],
      features: [],
      settings: [],
      asks: [],
      nodes: [],
      subscriptions: [
        {
          tag: 'iq',
          val: {
            payload: { namespace: NAMESPACE, local: 'query' },
            types: { get: true },
            recipients: { server: true },
          },
        },
      ],
      dependencies: [],
      placement: 'pooled',
      limits: {},
    };
  },
  init() {},
  started() {},
  save: () => new Uint8Array(),
  restore() {},
  shutdown() {},
};

export const iqHandler = {
  handle(request) {
    const query = request.payload({ namespace: NAMESPACE, local: 'query' });
    const kind = query.attribute('kind');
    console.log(`asked for ${kind}\nby a request`);
    return KINDS[kind]();
  },
};
