// A credential plugin of the CDK CLI: the root of every sandbox account. With it one run serves all accounts.
module.exports = {
  version: '1',
  init(host) {
    host.registerCredentialProviderSource({
      name: 'sandbox',
      isAvailable: async () => true,
      canProvideCredentials: async () => true,
      getProvider: async (account) => ({ accessKeyId: account, secretAccessKey: 'sandbox' }),
    });
  },
};
